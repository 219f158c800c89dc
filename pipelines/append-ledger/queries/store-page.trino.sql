-- The first page of a store's shelf list.
SELECT store_id, sku_id, max_by(on_hand, version) AS on_hand, max(version) AS version
FROM ice.${namespace}.inventory
WHERE store_id = $store AND sku_id < 9000001
GROUP BY store_id, sku_id
HAVING NOT max_by(deleted, version)
ORDER BY sku_id
LIMIT 50;
